using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Models;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class ModelDownloadConfiguration : IEntityTypeConfiguration<ModelDownload>
{
    public void Configure(EntityTypeBuilder<ModelDownload> builder)
    {
        builder.HasKey(d => d.Model);
        builder.Ignore(d => d.IsUnderWay);
        // As for jobs: these two say whether the row a caller read is still the row there is.
        builder.Property(d => d.Status).IsConcurrencyToken();
        builder.Property(d => d.LeaseEpoch).IsConcurrencyToken();
        builder.Property(d => d.CancelRequested).IsConcurrencyToken();
        builder.HasIndex(d => new { d.Status, d.LeaseExpiresAt });
    }
}
