using Microsoft.EntityFrameworkCore;

namespace TrainingService.Storage.Database;

/// <summary>Hands out a provider's context as <see cref="TrainingDbContext"/>.</summary>
internal sealed class ProviderContextFactory<TContext>(IDbContextFactory<TContext> factory) : IDbContextFactory<TrainingDbContext>
    where TContext : TrainingDbContext
{
    public TrainingDbContext CreateDbContext() => factory.CreateDbContext();
}
