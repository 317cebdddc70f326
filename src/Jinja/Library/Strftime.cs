using System.Globalization;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Library;

/// <summary>Python's strftime in the C locale.</summary>
internal static class Strftime
{
    public static string Format(RenderContext context, string format, DateTimeOffset time)
    {
        var text = new BoundedText(context);
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            // glibc's flag: no leading zeros.
            bool unpadded = format[i + 1] == '-' && i + 2 < format.Length;
            i += unpadded ? 2 : 1;
            string part = Directive(context, format[i], time);
            text.Append(unpadded && part.TrimStart('0', ' ') is { Length: > 0 } trimmed ? trimmed : unpadded && part.Length > 0 ? part[^1..] : part);
        }

        return text.ToString();
    }

    private static string Directive(RenderContext context, char directive, DateTimeOffset time)
    {
        string Net(string format) => time.ToString(format, CultureInfo.InvariantCulture);
        string Composed(string format) => Format(context, format, time);
        return directive switch
        {
            'Y' => Net("yyyy"),
            'y' => Net("yy"),
            'm' => Net("MM"),
            'd' => Net("dd"),
            'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'H' => Net("HH"),
            'I' => Net("hh"),
            'M' => Net("mm"),
            'S' => Net("ss"),
            'f' => Net("ffffff"),
            'p' => Net("tt"),
            'B' => Net("MMMM"),
            'b' or 'h' => Net("MMM"),
            'A' => Net("dddd"),
            'a' => Net("ddd"),
            'j' => $"{time.DayOfYear:000}",
            'u' => $"{(time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek)}",
            'w' => $"{(int)time.DayOfWeek}",
            'U' => $"{(time.DayOfYear + 6 - (int)time.DayOfWeek) / 7:00}",
            'W' => $"{(time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7:00}",
            'V' => $"{ISOWeek.GetWeekOfYear(time.DateTime):00}",
            'G' => $"{ISOWeek.GetYear(time.DateTime):0000}",
            'C' => $"{time.Year / 100:00}",
            's' => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'D' or 'x' => Composed("%m/%d/%y"),
            'F' => Composed("%Y-%m-%d"),
            'T' or 'X' => Composed("%H:%M:%S"),
            'R' => Composed("%H:%M"),
            'r' => Composed("%I:%M:%S %p"),
            'c' => Composed("%a %b %e %H:%M:%S %Y"),
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            // datetime.now() knows no time zone.
            'z' or 'Z' => "",
            _ => "%" + directive,
        };
    }
}
