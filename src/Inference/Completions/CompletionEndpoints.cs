using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Models;
using TrainingService.Inference.Requests;
using TrainingService.Storage.Keys;

namespace TrainingService.Inference.Completions;

internal static class CompletionEndpoints
{
    public static void MapCompletions(this IEndpointRouteBuilder v1) => v1.MapPost("/completions", CreateCompletion);

    private static async Task<IResult> CreateCompletion(HttpContext http, Caller caller, ModelPool models, TimeProvider timeProvider)
    {
        using JsonDocument body = await RequestFields.ReadBodyAsync(http.Request);
        CompletionRequest request = CompletionRequest.Read(body.RootElement);
        using ModelLease lease = await models.AcquireAsync(request.Model, caller, http.RequestAborted);
        LoadedModel model = lease.Model;

        EncodedPrompt[] prompts = [.. request.Prompts.Select(p => EncodedPrompt.Of(p, model))];
        foreach (EncodedPrompt prompt in prompts) model.Check(prompt.Ids, request.Settings.MaxTokens, "prompt");
        if (request.Echo)
            for (int i = 0; i < prompts.Length; i++)
                prompts[i] = await prompts[i].EchoAsync(model, request.Settings.TopLogProbs, http.RequestAborted);
        AnswerChannel answers = request.Settings.MaxTokens == 0
            ? AnswerChannel.OfNothing(prompts.Length * request.Settings.Answers, http.RequestAborted)
            : model.Answer([.. prompts.Select(p => p.Ids)], request.Settings, continuesText: true, http.RequestAborted);

        var writer = new CompletionWriter(request, prompts, model.Tokenizer, timeProvider.GetUtcNow());
        return await writer.SendAsync(answers, request.Settings, http);
    }
}
