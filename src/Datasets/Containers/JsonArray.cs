using System.Runtime.CompilerServices;
using System.Text.Json;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// A JSON array of objects, alone or as one field of an object, element by element. Rows count from 1; after a fault of the
/// syntax nothing further can be told apart, so it ends the reading.
/// </summary>
/// <param name="input">The file's bytes.</param>
/// <param name="field">The field that holds the array; null when the file is the array.</param>
internal sealed class JsonArray(InputBuffer input, string? field)
{
    private static readonly string[] s_fields = ["data", "rows", "train", "test", "validation", "examples", "instances", "records", "items", "samples"];

    private readonly int _depth = field is null ? 1 : 2;
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = JsonRow.MaxDepth + 3 });
    private int _scanned, _element = -1;
    private bool _named = field is null, _inside, _passed, _complete;
    private string? _other, _second;

    /// <summary>The field of a file's object that holds its rows, by the file's first bytes; null when the object is itself a row, which another may follow.</summary>
    public static string? FieldOf(ReadOnlySpan<byte> start)
    {
        var reader = new Utf8JsonReader(start, isFinalBlock: false, default);
        string? name = null, found = null;
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == 0)
                    return start[(int)reader.BytesConsumed..].TrimStart(" \t\r\n"u8).StartsWith("{"u8) ? null : found;
                if (reader.CurrentDepth != 1) continue;
                if (reader.TokenType == JsonTokenType.StartArray) found ??= name;
                name = null;
                if (reader.TokenType == JsonTokenType.PropertyName) name = NameOf(ref reader);
            }
        }
        catch (JsonException)
        {
            // Whoever reads the file tells its faults.
        }
        return found;
    }

    public async IAsyncEnumerable<ContainerRow> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (long number = 1; ; number++)
        {
            ReadOnlyMemory<byte> element;
            string? fault;
            while (!TryTake(out element, out fault) && fault is null && !input.Ended && !input.Full)
                await input.FillAsync(cancellationToken);
            if (element.IsEmpty && fault is null && !_complete)
                fault = input.Ended
                    ? "The file seems cut off: it ends in the middle of its JSON array. Upload it again in full."
                    : $"The row is longer than {InputBuffer.MaxRowBytes >> 20} MiB; the rows after it were not read.";
            if (fault is not null)
            {
                yield return ContainerRow.Bad(number, fault);
                yield break;
            }
            if (element.IsEmpty) yield break;
            using JsonDocument? row = JsonRow.Parse(element, number, isCutOff: false, out RowProblem? problem);
            yield return row is null ? new(number, default, problem) : Unwrapped(number, row.RootElement);
        }
    }

    /// <summary>Hugging Face's dataset viewer wraps every row: <c>{"row_idx": 0, "row": {…}, "truncated_cells": []}</c>.</summary>
    private static ContainerRow Unwrapped(long number, JsonElement row)
    {
        if (!row.TryGetProperty("row_idx", out _) || !row.TryGetProperty("row", out JsonElement inner) || inner.ValueKind != JsonValueKind.Object)
            return new(number, row, null);
        return row.TryGetProperty("truncated_cells", out JsonElement truncated) && truncated.ValueKind == JsonValueKind.Array && truncated.GetArrayLength() > 0
            ? ContainerRow.Bad(number, $"The dataset viewer cut the fields {truncated.GetRawText()} short; download the dataset itself.")
            : new(number, inner, null);
    }

    private static string? NameOf(ref Utf8JsonReader reader)
    {
        foreach (string known in s_fields)
            if (reader.ValueTextEquals(known)) return known;
        return null;
    }

    /// <summary>Takes the next element among the bytes at hand.</summary>
    private bool TryTake(out ReadOnlyMemory<byte> element, out string? fault)
    {
        (element, fault) = (default, null);
        // Never the final block: whether the file is complete is for _complete to say, and syntax faults are then only that.
        var reader = new Utf8JsonReader(input.Unread.Span[_scanned..], isFinalBlock: false, _state);
        try
        {
            while (reader.Read())
            {
                bool ends = Ends(ref reader);
                if (_second is not null)
                {
                    fault = $"The file's object has lists of rows in '{field}' and in '{_second}'. Upload one of them, in a file of its own.";
                    return false;
                }
                if (!ends) continue;
                int end = _scanned + (int)reader.BytesConsumed;
                element = input.Unread[_element..end];
                input.Take(end);
                (_state, _scanned, _element) = (reader.CurrentState, 0, -1);
                return true;
            }
        }
        catch (JsonException e)
        {
            fault = $"The file is not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: {JsonRow.WithoutPosition(e.Message)} The rows after it cannot be read.";
            return false;
        }
        (_state, _scanned) = (reader.CurrentState, _scanned + (int)reader.BytesConsumed);
        int passed = _element < 0 ? _scanned : _element;
        input.Take(passed);
        _scanned -= passed;
        if (_element > 0) _element = 0;
        return false;
    }

    /// <summary>Whether the token ends an element of the array.</summary>
    private bool Ends(ref Utf8JsonReader reader)
    {
        int depth = reader.CurrentDepth;
        bool opens = reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray;
        if (depth == 0 && reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray) _complete = true;
        if (!_inside)
        {
            if (field is not null && depth == 1 && reader.TokenType == JsonTokenType.PropertyName)
            {
                _named = reader.ValueTextEquals(field);
                _other = NameOf(ref reader);
            }
            if (_passed && depth == 1 && _other is not null && reader.TokenType == JsonTokenType.StartArray) _second = _other;
            _inside = !_passed && _named && depth == _depth - 1 && reader.TokenType == JsonTokenType.StartArray;
            return false;
        }
        if (depth == _depth - 1)
        {
            (_inside, _passed) = (false, true);
            return false;
        }
        if (depth != _depth) return false;
        if (_element < 0) _element = _scanned + (int)reader.TokenStartIndex;
        return !opens;
    }
}
