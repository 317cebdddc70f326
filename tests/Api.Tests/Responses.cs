using System.Net;
using System.Text.Json.Nodes;

namespace TrainingService.Api.Tests;

internal static class Responses
{
    /// <summary>The body of a successful answer, whose status must be 200: the SDKs take no other.</summary>
    public static async Task<JsonObject> JsonAsync(this HttpResponseMessage response)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{response.RequestMessage?.RequestUri} answered {(int)response.StatusCode}: {body}");
        return JsonNode.Parse(body)!.AsObject();
    }

    /// <summary>The error of a failed answer, which must have the shape that every error has.</summary>
    public static async Task<JsonObject> ErrorAsync(this HttpResponseMessage response, HttpStatusCode status)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{response.RequestMessage?.RequestUri} answered {(int)response.StatusCode}, not {(int)status}: {text}");
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.NotEmpty(response.Headers.GetValues("x-request-id").Single());
        JsonObject body = JsonNode.Parse(text)!.AsObject();
        Assert.Equal(["error", "type", "title", "status", "detail"], body.Select(p => p.Key));
        Assert.Equal((int)status, body["status"]!.GetValue<int>());
        JsonObject error = body["error"]!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(p => p.Key));
        Assert.Equal(body["detail"]!.GetValue<string>(), error.Message());
        Assert.NotEmpty(error.Message());
        return error;
    }

    public static string Message(this JsonObject error) => error["message"]!.GetValue<string>();

    public static string? Param(this JsonObject error) => error["param"]?.GetValue<string>();

    public static string Text(this JsonNode node, string name) => node[name]!.GetValue<string>();

    public static string[] Ids(this JsonObject page) => [.. page["data"]!.AsArray().Select(item => item!.Text("id"))];
}
