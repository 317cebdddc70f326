using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace TrainingService.Domain.Recipes;

/// <summary>A regular expression over module paths, bounded in time since it comes from a client.</summary>
public sealed class ModulePattern
{
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(200);
    private static readonly ConcurrentDictionary<string, ModulePattern> s_known = new(StringComparer.Ordinal);

    private readonly string _text;
    private readonly Regex _regex;

    private ModulePattern(string text, string anchored)
    {
        _text = text;
        try
        {
            _regex = new(anchored, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, s_longest);
        }
        catch (NotSupportedException)
        {
            // Look-around and back-references need backtracking; the time limit then bounds them.
            _regex = new(anchored, RegexOptions.CultureInvariant, s_longest);
        }
    }

    /// <summary>Whether a text is a regular expression.</summary>
    /// <param name="text">The text.</param>
    public static bool IsValid(string text)
    {
        try
        {
            // By itself: a text such as "a)(b" must not be made whole by what is put around it.
            _ = Regex.IsMatch("", text, RegexOptions.CultureInvariant, s_longest);
            Whole(text);
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or RegexMatchTimeoutException)
        {
            return false;
        }
    }

    /// <summary>Matches whole paths, as Python's re.fullmatch does.</summary>
    /// <param name="text">The regular expression.</param>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static ModulePattern Whole(string text) => Of(text, $@"\A(?:{text})\z");

    /// <summary>Matches a path's last parts, as PEFT matches the keys of rank_pattern and alpha_pattern.</summary>
    /// <param name="text">The regular expression.</param>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static ModulePattern End(string text) => Of(text, $@"\A(?:.*\.)?(?:{text})\z");

    /// <summary>Whether a path matches.</summary>
    /// <param name="path">The module path.</param>
    /// <exception cref="ArgumentException">Matching takes too long.</exception>
    public bool Matches(string path)
    {
        try
        {
            return _regex.IsMatch(path);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new ArgumentException($"The regular expression '{_text}' takes too long to match '{path}'; write it without nested repetitions.");
        }
    }

    private static ModulePattern Of(string text, string anchored)
    {
        if (s_known.TryGetValue(anchored, out ModulePattern? known)) return known;
        // Patterns come from clients: the memory of compiled ones is bounded.
        if (s_known.Count > 4096) s_known.Clear();
        return s_known[anchored] = new(text, anchored);
    }
}
