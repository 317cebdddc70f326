using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Hosting;

namespace TrainingService.Storage.Keys;

/// <summary>The command <c>keys</c> of the hosts: how the first key comes to be, and what helps when the last one is lost.</summary>
public static class KeyCommand
{
    /// <summary>How to use it.</summary>
    public const string Usage = """
        keys create --role ROLE --owner NAME    make a key and show it, once; ROLE is admin, user or read_only
        keys list                               show all keys, without their secrets
        keys revoke ID                          end a key
        """;

    /// <summary>Runs the command over the storage of the configuration, without serving anything.</summary>
    /// <param name="args">What follows <c>keys</c>.</param>
    /// <param name="settings">Settings that count above those of the environment.</param>
    /// <returns>The process's exit code: 2 when the command was not understood.</returns>
    public static async Task<int> RunAsync(string[] args, IEnumerable<KeyValuePair<string, string?>> settings)
    {
        Func<KeyRing, Task<int>>? command = args switch
        {
            ["create", "--role", var role, "--owner", var owner] => keys => CreateAsync(keys, role, owner),
            ["create", "--owner", var owner, "--role", var role] => keys => CreateAsync(keys, role, owner),
            ["list"] => ListAsync,
            ["revoke", var id] => keys => RevokeAsync(keys, id),
            _ => null,
        };
        if (command is null)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.AddStorage();
        builder.Services.AddSingleton<KeyRing>();
        using IHost host = builder.Build();
        // Starting brings the database to this version's schema.
        await host.StartAsync();
        int exitCode = await command(host.Services.GetRequiredService<KeyRing>());
        await host.StopAsync();
        return exitCode;
    }

    private static async Task<int> CreateAsync(KeyRing keys, string role, string owner)
    {
        if (WireNames.Parse<KeyRole>(role) is not { } parsed)
            return Refuse($"--role is {role}; it must be {string.Join(", ", WireNames.All<KeyRole>())}.");
        if (KeyRing.OwnerProblem(owner) is { } expected)
            return Refuse($"--owner is {owner}; it must be {expected}.");
        (ApiKey key, string secret) = await keys.CreateAsync(parsed, owner, CancellationToken.None);
        Console.Error.WriteLine($"{key.Id}: a key of {owner} with the role {role}. Keep it: it cannot be shown again.");
        // Alone on standard output, so that scripts can take it.
        Console.WriteLine(secret);
        return 0;
    }

    private static async Task<int> ListAsync(KeyRing keys)
    {
        foreach (ApiKey key in await keys.ListAsync(CancellationToken.None))
            Console.WriteLine($"{key.Id}  {key.Prefix}…  {WireNames.Of(key.Role),-9}  {key.Owner}  created {key.CreatedAt:u}{(key.RevokedAt is { } moment ? $"  revoked {moment:u}" : "")}");
        return 0;
    }

    private static async Task<int> RevokeAsync(KeyRing keys, string id)
    {
        if (await keys.RevokeAsync(id, CancellationToken.None) is null) return Refuse($"There is no key {id}; 'keys list' shows all.");
        Console.WriteLine($"{id} is revoked.");
        return 0;
    }

    private static int Refuse(string message)
    {
        Console.Error.WriteLine(message);
        return 2;
    }
}
