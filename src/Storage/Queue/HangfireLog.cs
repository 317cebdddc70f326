using Hangfire.AspNetCore;
using Hangfire.Logging;
using Microsoft.Extensions.Logging;

namespace TrainingService.Storage.Queue;

/// <summary>
/// Hangfire's log in the host's. Hangfire keeps it in a static that its types ask when they are first used: once the first
/// of several hosts in a process is gone, asking its factory would throw, and the type could never be used again.
/// </summary>
internal sealed class HangfireLog(ILoggerFactory loggers) : ILogProvider
{
    private readonly AspNetCoreLogProvider _host = new(loggers);

    public ILog GetLogger(string name)
    {
        try
        {
            return _host.GetLogger(name);
        }
        catch (ObjectDisposedException)
        {
            return new Silent();
        }
    }

    private sealed class Silent : ILog
    {
        public bool Log(Hangfire.Logging.LogLevel logLevel, Func<string>? messageFunc, Exception? exception) => false;
    }
}
