namespace TrainingService.Api.Hosting;

/// <summary>Moments as they stand on the wire: whole seconds since 1970.</summary>
internal static class UnixTime
{
    public static long ToUnixSeconds(this DateTime utc) => new DateTimeOffset(utc, TimeSpan.Zero).ToUnixTimeSeconds();
}
