using System.Buffers;
using System.Text.Json;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Formats;

/// <summary>Gives a row's columns the names of the fields that a mapping says they are. Columns that it does not name are not read.</summary>
internal sealed class ColumnRenamer(ColumnMapping mapping)
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>The renamed row; null after a fault was noted. It must be disposed before the next one is asked for.</summary>
    public JsonDocument? Rename(JsonElement row, RowNotes notes)
    {
        _bytes.ResetWrittenCount();
        using (var writer = new Utf8JsonWriter(_bytes))
        {
            writer.WriteStartObject();
            foreach ((string field, string column) in mapping.Columns)
            {
                if (!row.TryGetProperty(column, out JsonElement value))
                {
                    if (ColumnMapping.IsOptional(field)) continue;
                    return notes.Fail<JsonDocument>(column, $"The column '{column}', which the column mapping names as '{field}', is missing; the row has the columns {Json.Names([.. row.EnumerateObject().Select(p => p.Name)])}.");
                }
                writer.WritePropertyName(field);
                value.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        return JsonDocument.Parse(_bytes.WrittenMemory);
    }

    /// <summary>A path in the renamed row as a path in the file's own, so that a fault names what its owner sees.</summary>
    public string PathInFile(string path)
    {
        int end = path.AsSpan().IndexOfAny('.', '[');
        string field = end < 0 ? path : path[..end];
        return mapping.Columns.TryGetValue(field, out string? column) ? column + path[field.Length..] : path;
    }
}
