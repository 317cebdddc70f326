using System.Text;

namespace TrainingService.Api.Dashboard;

/// <summary>Asks a browser's user for the key that opens the dashboard.</summary>
internal static class LoginPage
{
    public static IResult Answer(string? problem) => Results.Text($$"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <title>Queue</title>
        <body style="font: 16px sans-serif; max-width: 30em; margin: 4em auto">
        <h1>Queue</h1>
        <p>{{problem ?? "The dashboard takes an administrator's key. The session lasts half an hour."}}</p>
        <form method="post"><input name="key" type="password" autocomplete="off" autofocus required> <button>Open</button></form>
        </body>
        </html>
        """, "text/html", Encoding.UTF8, problem is null ? StatusCodes.Status200OK : StatusCodes.Status401Unauthorized);
}
