using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Models;
using TrainingService.Inference.Requests;
using TrainingService.Storage.Keys;

namespace TrainingService.Inference.Chat;

internal static class ChatEndpoints
{
    public static void MapChat(this IEndpointRouteBuilder v1) => v1.MapPost("/chat/completions", CreateChatCompletion);

    private static async Task<IResult> CreateChatCompletion(HttpContext http, Caller caller, ModelPool models, TimeProvider timeProvider)
    {
        using JsonDocument body = await RequestFields.ReadBodyAsync(http.Request);
        ChatRequest request = ChatRequest.Read(body.RootElement);
        using ModelLease lease = await models.AcquireAsync(request.Model, caller, http.RequestAborted);

        int[] prompt = lease.Model.Encode(request.Messages);
        lease.Model.Check(prompt, request.Settings.MaxTokens, "messages");
        AnswerChannel answers = lease.Model.Answer([prompt], request.Settings, continuesText: false, http.RequestAborted);

        var writer = new ChatWriter(request, prompt.Length, lease.Model.Tokenizer, timeProvider.GetUtcNow());
        return await writer.SendAsync(answers, request.Settings, http);
    }
}
