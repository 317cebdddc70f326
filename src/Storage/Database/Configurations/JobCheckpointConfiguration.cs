using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Jobs;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class JobCheckpointConfiguration : IEntityTypeConfiguration<JobCheckpoint>
{
    public void Configure(EntityTypeBuilder<JobCheckpoint> builder)
    {
        builder.HasKey(c => c.Id);
        builder.HasIndex(c => new { c.JobId, c.Step }).IsUnique();
        builder.HasIndex(c => c.ModelName).IsUnique();
        builder.HasOne<FineTuningJob>().WithMany().HasForeignKey(c => c.JobId);
    }
}
