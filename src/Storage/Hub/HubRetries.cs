using Microsoft.Extensions.Options;

namespace TrainingService.Storage.Hub;

/// <summary>Tries calls of the Hub again while that may help: after what it asks to wait, or growing pauses.</summary>
/// <param name="options">Says after how many attempts in a row without progress the error stands.</param>
/// <param name="timeProvider">Measures the pauses.</param>
public sealed class HubRetries(IOptions<HubOptions> options, TimeProvider timeProvider)
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_longestRetryAfter = TimeSpan.FromMinutes(10);

    /// <summary>Runs a call to its success.</summary>
    /// <param name="call">The call; it goes on where an earlier attempt of it ended.</param>
    /// <param name="progress">Grows with what the attempts achieve.</param>
    /// <param name="cancellationToken">Cancels call and pauses.</param>
    /// <exception cref="HubException">Another attempt would not help, or none of them did.</exception>
    public async Task RunAsync(Func<Task> call, Func<long> progress, CancellationToken cancellationToken)
    {
        for (int failures = 0; ;)
        {
            long before = progress();
            try
            {
                await call();
                return;
            }
            catch (HubException e) when (e.MayPass)
            {
                failures = progress() > before ? 1 : failures + 1;
                if (failures >= options.Value.MaxAttempts || e.RetryAfter > s_longestRetryAfter) throw;
                await Task.Delay(e.RetryAfter ?? Pause(failures), timeProvider, cancellationToken);
            }
        }
    }

    /// <summary>1, 2, 4 … seconds and up to a quarter more, so that connections that broke together do not come back together.</summary>
    private static TimeSpan Pause(int failures)
    {
        TimeSpan pause = TimeSpan.FromSeconds(Math.Pow(2, failures - 1));
        return (pause < s_longestPause ? pause : s_longestPause) * (1 + Random.Shared.NextDouble() / 4);
    }
}
