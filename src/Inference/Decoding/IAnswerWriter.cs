using Microsoft.AspNetCore.Http;
using TrainingService.Inference.Requests;

namespace TrainingService.Inference.Decoding;

/// <summary>Writes the answers to a request in its endpoint's form.</summary>
/// <typeparam name="T">The form of a whole answer.</typeparam>
internal interface IAnswerWriter<T>
{
    /// <summary>Everything at once.</summary>
    Task<T> WholeAsync(AnswerChannel channel);

    /// <summary>Each part as it comes.</summary>
    Task StreamAsync(AnswerChannel channel, EventStream events);
}

internal static class AnswerWriting
{
    /// <summary>Sends the answers as the request asks for them.</summary>
    public static async Task<IResult> SendAsync<T>(this IAnswerWriter<T> writer, AnswerChannel answers, AnswerSettings settings, HttpContext http)
    {
        if (!settings.Stream) return Results.Json(await writer.WholeAsync(answers), WireJson.Options);
        await writer.StreamAsync(answers, new EventStream(http));
        return Results.Empty;
    }
}
