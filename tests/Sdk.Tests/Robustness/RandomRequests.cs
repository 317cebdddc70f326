using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace TrainingService.Sdk.Tests.Robustness;

/// <summary>
/// Requests that nobody would send on purpose, to the endpoints of the API's description. The n-th one is always the same,
/// whatever order they are sent in.
/// </summary>
/// <param name="description">swagger.json.</param>
/// <param name="knownIds">Ids that exist, so that requests also get past the first check.</param>
internal sealed class RandomRequests(JsonObject description, string[] knownIds)
{
    private static readonly string[] s_methods = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"];
    private static readonly string[] s_types = ["application/json", "multipart/form-data", "multipart/form-data; boundary=", "text/plain", "application/json; charset=utf-7", "application/x-www-form-urlencoded", "x", "application/problem+json"];
    private static readonly string[] s_headers = ["Accept", "Range", "If-None-Match", "If-Modified-Since", "If-Range", "Last-Event-ID", "X-Request-Id", "Idempotency-Key", "Accept-Encoding", "Cookie", "Prefer", "Authorization"];
    private static readonly string[] s_texts =
        ["", "0", "-1", "1", "2147483648", "99999999999999999999", "1e3", "NaN", "null", "true", "[]", "{}", "auto", "created_at", "3600", "fine-tune", "desc", "eval", "dpo", "demo-model",
            "../../etc/passwd", "..\\..", "a/b", "%2F", "'; DROP TABLE files; --", "\"", "<script>", "\u0001", "é", "日本語", "🙂", "\u202e", "bytes=0-", "bytes=5-2", "W/\"x\"", "*", "Bearer ", "Bearer x"];

    private readonly (string Method, string Path, JsonNode Operation)[] _operations =
        [.. from path in description["paths"]!.AsObject()
            from operation in path.Value!.AsObject()
            select (operation.Key.ToUpperInvariant(), path.Key, operation.Value)];

    public HttpRequestMessage Make(int n)
    {
        var random = new Random(n);
        (string method, string path, JsonNode operation) = _operations[random.Next(_operations.Length)];
        if (random.Next(20) == 0) method = Pick(random, s_methods);
        var request = new HttpRequestMessage(new(method), Address(random, path, operation));
        if (method is "POST" or "PUT" or "PATCH" || random.Next(50) == 0) request.Content = Body(random, operation);
        for (int headers = random.Next(3); headers > 0; headers--)
            request.Headers.TryAddWithoutValidation(Pick(random, s_headers), HeaderText(random));
        return request;
    }

    private string Address(Random random, string path, JsonNode operation)
    {
        var query = new StringBuilder();
        foreach (JsonNode? parameter in operation["parameters"]?.AsArray() ?? [])
        {
            string name = parameter!["name"]!.GetValue<string>();
            switch (parameter["in"]!.GetValue<string>())
            {
                case "path":
                    path = path.Replace($"{{{name}}}", Uri.EscapeDataString(PathText(random)), StringComparison.Ordinal);
                    break;
                case "query" when random.Next(2) == 0:
                    query.Append(query.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(Text(random)));
                    break;
            }
        }
        if (random.Next(8) == 0) query.Append(query.Length == 0 ? '?' : '&').Append(Uri.EscapeDataString(Text(random))).Append('=').Append(Uri.EscapeDataString(Text(random)));
        return path + query;
    }

    private HttpContent Body(Random random, JsonNode operation)
    {
        JsonObject? expected = operation["requestBody"]?["content"]?.AsObject();
        HttpContent content = random.Next(6) switch
        {
            0 => Bytes(random),
            1 => new StringContent(Json(random, 4)?.ToJsonString() ?? "null"),
            2 => new StringContent(Torn(random, Json(random, 4)?.ToJsonString() ?? "null")),
            3 => Form(random),
            _ => expected?["application/json"]?["example"] is { } example ? new StringContent(Changed(random, example).ToJsonString()) : Form(random),
        };
        if (content is not MultipartFormDataContent || random.Next(10) == 0)
        {
            content.Headers.Remove("Content-Type");
            if (random.Next(10) > 0) content.Headers.TryAddWithoutValidation("Content-Type", random.Next(5) > 0 ? "application/json" : Pick(random, s_types));
        }
        return content;
    }

    private static ByteArrayContent Bytes(Random random)
    {
        byte[] bytes = new byte[random.Next(300)];
        random.NextBytes(bytes);
        return new(bytes);
    }

    private MultipartFormDataContent Form(Random random)
    {
        string[] names = ["file", "purpose", "data", "expires_after[anchor]", "expires_after[seconds]", "expires_after", "metadata"];
        var form = new MultipartFormDataContent();
        for (int parts = random.Next(5); parts > 0; parts--)
        {
            string name = random.Next(6) > 0 ? Pick(random, names) : HeaderText(random);
            HttpContent part = random.Next(4) == 0 ? Bytes(random) : new StringContent(random.Next(3) == 0 ? Row(random) : Text(random));
            var disposition = new StringBuilder("form-data; name=\"").Append(name.Replace("\"", "", StringComparison.Ordinal)).Append('"');
            if (random.Next(2) == 0) disposition.Append("; filename=\"").Append(HeaderText(random).Replace("\"", "", StringComparison.Ordinal)).Append('"');
            part.Headers.Remove("Content-Disposition");
            if (random.Next(20) > 0) part.Headers.TryAddWithoutValidation("Content-Disposition", random.Next(20) > 0 ? disposition.ToString() : HeaderText(random));
            form.Add(part);
        }
        return form;
    }

    private string Row(Random random) => string.Join('\n', Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(3) == 0
        ? """{"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "Perhaps blue?"}"""
        : new JsonObject { [Pick(random, ["prompt", "input", "x"])] = Json(random, 2), ["chosen"] = Json(random, 2), ["rejected"] = Json(random, 2) }.ToJsonString()));

    /// <summary>An example with some of its values replaced.</summary>
    private JsonNode Changed(Random random, JsonNode example)
    {
        JsonNode changed = example.DeepClone();
        // Answers and jobs that come through shall be short ones.
        if (changed["max_tokens"] is not null) changed["max_tokens"] = 1;
        if (changed["method"]?["dpo"]?["hyperparameters"] is JsonObject settings) settings["max_steps"] = 1;
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            JsonNode at = changed;
            while (at is JsonObject { Count: > 0 } fields)
            {
                string name = random.Next(10) > 0 ? fields.ElementAt(random.Next(fields.Count)).Key : Text(random);
                if (fields[name] is JsonObject or JsonArray && random.Next(3) > 0)
                {
                    at = fields[name]!;
                    continue;
                }
                if (random.Next(4) == 0) fields.Remove(name);
                else fields[name] = Json(random, 2);
                break;
            }
            if (at is JsonArray { Count: > 0 } items) items[random.Next(items.Count)] = Json(random, 2);
        }
        return changed;
    }

    private JsonNode? Json(Random random, int depth) => random.Next(depth > 0 ? 9 : 6) switch
    {
        0 => null,
        1 => JsonValue.Create(random.Next(2) == 0),
        2 => JsonValue.Create(random.NextInt64(-10, 1L << random.Next(1, 62))),
        3 => JsonValue.Create((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-320, 300))),
        4 or 5 => JsonValue.Create(Text(random)),
        6 => new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Json(random, depth - 1))]),
        _ => new JsonObject(Enumerable.Range(0, random.Next(5)).Select(_ => Text(random)).Distinct().Select(name => KeyValuePair.Create(name, Json(random, depth - 1)))),
    };

    private static string Torn(Random random, string text) => text[..random.Next(text.Length)] + Pick(random, s_texts);

    private string Text(Random random) => random.Next(8) switch
    {
        0 => Pick(random, knownIds),
        1 => new string([.. Enumerable.Range(0, random.Next(40)).Select(_ => (char)random.Next(1, 0xd800))]),
        2 => "\0" + Pick(random, s_texts),
        3 => new string('x', random.Next(600)),
        _ => Pick(random, s_texts),
    };

    // Kestrel itself refuses a NUL in a path, before any of our code.
    private string PathText(Random random) => random.Next(2) == 0 ? Pick(random, knownIds) : Text(random).Replace("\0", "", StringComparison.Ordinal);

    private string HeaderText(Random random) => new([.. Text(random).Where(c => c is >= ' ' and <= '~')]);

    private static T Pick<T>(Random random, T[] from) => from[random.Next(from.Length)];
}
