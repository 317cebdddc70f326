using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Jobs;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class JobMetricConfiguration : IEntityTypeConfiguration<JobMetric>
{
    public void Configure(EntityTypeBuilder<JobMetric> builder)
    {
        builder.HasKey(m => new { m.JobId, m.Step, m.Split });
        builder.HasOne<FineTuningJob>().WithMany().HasForeignKey(m => m.JobId);
    }
}
