using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Jobs;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class FineTuningJobConfiguration : IEntityTypeConfiguration<FineTuningJob>
{
    public void Configure(EntityTypeBuilder<FineTuningJob> builder)
    {
        builder.HasKey(j => j.Id);
        builder.Ignore(j => j.IsFinal).Ignore(j => j.AttemptsWithoutProgress);

        // A change that was decided on an older claim or status must not be saved: these two say whether the row a
        // caller read is still the row there is, so no version column is needed.
        builder.Property(j => j.Status).IsConcurrencyToken();
        builder.Property(j => j.LeaseEpoch).IsConcurrencyToken();

        builder.HasIndex(j => new { j.CreatedAt, j.Id });
        builder.HasIndex(j => new { j.OwnerId, j.CreatedAt, j.Id });
        builder.HasIndex(j => new { j.Status, j.LeaseExpiresAt });
        builder.HasIndex(j => j.FineTunedModel).IsUnique();
    }
}
