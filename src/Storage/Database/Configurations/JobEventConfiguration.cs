using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Jobs;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class JobEventConfiguration : IEntityTypeConfiguration<JobEvent>
{
    public void Configure(EntityTypeBuilder<JobEvent> builder)
    {
        builder.HasKey(e => e.Sequence);
        builder.Property(e => e.Sequence).ValueGeneratedOnAdd();
        builder.Property(e => e.Id).IsRequired();
        builder.HasIndex(e => e.Id).IsUnique();
        builder.HasIndex(e => new { e.JobId, e.Sequence });
        builder.HasOne<FineTuningJob>().WithMany().HasForeignKey(e => e.JobId);
    }
}
