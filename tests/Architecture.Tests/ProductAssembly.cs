using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;

namespace TrainingService.Architecture.Tests;

/// <summary>A compiled assembly of the product, read without loading it.</summary>
internal sealed partial class ProductAssembly
{
    private const string Prefix = "TrainingService.";

    private ProductAssembly(string file)
    {
        using var image = new PEReader(File.OpenRead(file));
        MetadataReader metadata = image.GetMetadataReader();
        Project = Path.GetFileNameWithoutExtension(file)[Prefix.Length..];
        References = [.. metadata.AssemblyReferences.Select(r => metadata.GetString(metadata.GetAssemblyReference(r).Name))];
        TypeNames = [.. metadata.TypeDefinitions.Select(t => metadata.GetString(metadata.GetTypeDefinition(t).Name)).Where(n => !n.Contains('<'))];
        Namespaces = [.. metadata.TypeDefinitions.Select(t => metadata.GetString(metadata.GetTypeDefinition(t).Namespace)).Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Distinct()];
    }

    /// <summary>All of the product: what lies beside these tests, which reference it.</summary>
    public static IReadOnlyList<ProductAssembly> All { get; } =
    [
        .. Directory.EnumerateFiles(AppContext.BaseDirectory, Prefix + "*.dll").Where(f => !TestAssembly().IsMatch(f)).Order().Select(f => new ProductAssembly(f)),
    ];

    /// <summary>The project's name, e.g. <c>Domain</c>.</summary>
    public string Project { get; }

    /// <summary>Simple names of the referenced assemblies.</summary>
    public IReadOnlyList<string> References { get; }

    /// <summary>Names of the types that were written rather than generated.</summary>
    public IReadOnlyList<string> TypeNames { get; }

    /// <summary>Namespaces of its types.</summary>
    public IReadOnlyList<string> Namespaces { get; }

    /// <summary>The referenced projects of the product.</summary>
    public IEnumerable<string> Projects => References.Where(r => r.StartsWith(Prefix, StringComparison.Ordinal)).Select(r => r[Prefix.Length..]);

    public static ProductAssembly Of(string project) => All.Single(a => a.Project == project);

    /// <summary>Everything that a project reaches over any number of references, itself included.</summary>
    public static IReadOnlySet<ProductAssembly> Reach(string project)
    {
        var reached = new HashSet<ProductAssembly>();
        var waiting = new Stack<string>([project]);
        while (waiting.TryPop(out string? next))
            if (Of(next) is var assembly && reached.Add(assembly))
                foreach (string referenced in assembly.Projects)
                    waiting.Push(referenced);
        return reached;
    }

    [GeneratedRegex(@"\.Tests\.dll$")]
    private static partial Regex TestAssembly();
}
