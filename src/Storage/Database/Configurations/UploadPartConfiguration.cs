using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Uploads;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class UploadPartConfiguration : IEntityTypeConfiguration<UploadPart>
{
    public void Configure(EntityTypeBuilder<UploadPart> builder)
    {
        builder.HasKey(p => p.Id);
        builder.HasOne<Upload>().WithMany().HasForeignKey(p => p.UploadId);
    }
}
