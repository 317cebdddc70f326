using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using TrainingService.Domain.Uploads;

namespace TrainingService.Storage.Database.Configurations;

internal sealed class UploadConfiguration : IEntityTypeConfiguration<Upload>
{
    public void Configure(EntityTypeBuilder<Upload> builder)
    {
        builder.HasKey(u => u.Id);
        // Completing and cancelling at once: one of them finds the upload moved.
        builder.Property(u => u.Status).IsConcurrencyToken();
        builder.HasIndex(u => new { u.Status, u.ExpiresAt });
    }
}
