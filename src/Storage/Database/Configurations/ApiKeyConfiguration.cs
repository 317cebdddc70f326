using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Keys;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class ApiKeyConfiguration : IEntityTypeConfiguration<ApiKey>
{
    public void Configure(EntityTypeBuilder<ApiKey> builder)
    {
        builder.HasKey(k => k.Id);
        // Every request looks its key up by this.
        builder.HasIndex(k => k.Hash).IsUnique();
        builder.HasIndex(k => new { k.CreatedAt, k.Id });
    }
}
