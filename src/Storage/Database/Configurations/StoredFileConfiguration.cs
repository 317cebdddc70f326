using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Files;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class StoredFileConfiguration : IEntityTypeConfiguration<StoredFile>
{
    public void Configure(EntityTypeBuilder<StoredFile> builder)
    {
        builder.HasKey(f => f.Id);
        builder.HasIndex(f => new { f.CreatedAt, f.Id });
        builder.HasIndex(f => new { f.Purpose, f.CreatedAt, f.Id });
        builder.HasIndex(f => new { f.OwnerId, f.CreatedAt, f.Id });
        builder.HasIndex(f => f.ExpiresAt);
    }
}
