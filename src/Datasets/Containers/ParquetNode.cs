using System.Text.Json;
using Parquet.Meta;
using Parquet.Schema;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// A field of a Parquet schema, which puts the pieces of its columns together again: Melnik et al., "Dremel: Interactive
/// Analysis of Web-Scale Datasets" (2010), section 4.3, and Parquet's rules for lists and maps of older writers.
/// </summary>
internal sealed class ParquetNode
{
    private const int MaxDepth = 24;

    private readonly string _name;
    private readonly Kind _kind;
    private readonly FieldRepetitionType _occurs;
    private readonly int _definition, _repetition, _firstLeaf, _leaves;
    private readonly ParquetNode[] _children;

    private ParquetNode(IReadOnlyList<SchemaElement> schema, ref int index, ref int leaves, int definition, int repetition, int depth)
    {
        SchemaElement element = index < schema.Count ? schema[index++] : throw Damaged();
        if (depth > MaxDepth) throw new ContainerException($"The Parquet file's fields are nested more than {MaxDepth} deep.");
        _name = element.Name;
        _occurs = depth == 0 ? FieldRepetitionType.REQUIRED : element.RepetitionType ?? FieldRepetitionType.REQUIRED;
        _definition = definition + (_occurs == FieldRepetitionType.REQUIRED ? 0 : 1);
        _repetition = repetition + (_occurs == FieldRepetitionType.REPEATED ? 1 : 0);
        _firstLeaf = leaves;
        if (element.Type is not null)
        {
            (_kind, _children, _leaves) = (Kind.Value, [], 1);
            leaves++;
            return;
        }
        if (element.NumChildren is not > 0 || element.NumChildren > schema.Count - index) throw Damaged();
        _children = new ParquetNode[element.NumChildren.Value];
        for (int i = 0; i < _children.Length; i++)
            _children[i] = new(schema, ref index, ref leaves, _definition, _repetition, depth + 1);
        _leaves = leaves - _firstLeaf;
        _kind = KindOf(element);
    }

    private enum Kind { Value, Struct, List, Map }

    /// <summary>The tree of a schema, which a file holds as a list in the order of reading.</summary>
    public static ParquetNode Of(IReadOnlyList<SchemaElement> schema)
    {
        int index = 0, leaves = 0;
        var root = new ParquetNode(schema, ref index, ref leaves, 0, 0, 0);
        return index == schema.Count && root._kind == Kind.Struct ? root : throw Damaged();
    }

    /// <summary>Checks that the library sees the same columns at the same levels, since it decodes by its own.</summary>
    public void EnsureMatches(DataField[] fields)
    {
        if (fields.Length != _leaves) throw Unknown(_name);
        EnsureLevels(fields);
    }

    /// <summary>Writes the next row; returns what keeps it from being one.</summary>
    public string? WriteRow(Utf8JsonWriter writer, ParquetColumn[] columns)
    {
        foreach (ParquetColumn column in columns) column.Fault = null;
        WriteStruct(writer, columns);
        return columns.FirstOrDefault(c => c.Fault is not null)?.Fault;
    }

    private static ContainerException Damaged() => new("The Parquet file's schema is damaged. Write the file again.");

    private static ContainerException Unknown(string name) => new($"The Parquet file's field '{name}' is of a kind that is not read. Write it as a text, a number, a list or a struct of these.");

    private Kind KindOf(SchemaElement element)
    {
        bool holdsRepeated = _children is [{ _occurs: FieldRepetitionType.REPEATED }];
        if (holdsRepeated && (element.ConvertedType == ConvertedType.LIST || element.LogicalType?.LIST is not null)) return Kind.List;
        bool isMap = element.ConvertedType is ConvertedType.MAP or ConvertedType.MAP_KEY_VALUE || element.LogicalType?.MAP is not null;
        return holdsRepeated && isMap && _children[0]._children is [{ _kind: Kind.Value, _occurs: FieldRepetitionType.REQUIRED }, _] ? Kind.Map : Kind.Struct;
    }

    private void EnsureLevels(DataField[] fields)
    {
        if (_kind == Kind.Value && (fields[_firstLeaf].MaxDefinitionLevel != _definition || fields[_firstLeaf].MaxRepetitionLevel != _repetition)) throw Unknown(fields[_firstLeaf].Path.ToString());
        foreach (ParquetNode child in _children) child.EnsureLevels(fields);
    }

    private bool IsAbsent(ParquetColumn[] columns) => _occurs != FieldRepetitionType.REQUIRED && columns[_firstLeaf].Definition < _definition;

    private void Skip(ParquetColumn[] columns)
    {
        for (int i = 0; i < _leaves; i++) columns[_firstLeaf + i].Skip();
    }

    private void WriteStruct(Utf8JsonWriter writer, ParquetColumn[] columns)
    {
        writer.WriteStartObject();
        foreach (ParquetNode child in _children)
        {
            if (child._occurs == FieldRepetitionType.OPTIONAL && child.IsAbsent(columns))
            {
                child.Skip(columns);
                continue;
            }
            writer.WritePropertyName(child._name);
            if (child._occurs == FieldRepetitionType.REPEATED) child.WriteElements(writer, columns, child);
            else child.WriteContent(writer, columns);
        }
        writer.WriteEndObject();
    }

    private void WriteContent(Utf8JsonWriter writer, ParquetColumn[] columns)
    {
        switch (_kind)
        {
            case Kind.Value:
                columns[_firstLeaf].Write(writer);
                break;
            case Kind.List:
                WriteElements(writer, columns, _children[0]);
                break;
            case Kind.Map:
                WriteEntries(writer, columns, _children[0]);
                break;
            default:
                WriteStruct(writer, columns);
                break;
        }
    }

    private void WriteElements(Utf8JsonWriter writer, ParquetColumn[] columns, ParquetNode repeated)
    {
        // A list's repeated group only wraps its element, except that older writers made it the element itself.
        ParquetNode? element = _kind == Kind.List && repeated._children is [var only] && repeated._name != "array" && repeated._name != $"{_name}_tuple" ? only : null;
        writer.WriteStartArray();
        if (repeated.IsAbsent(columns))
        {
            repeated.Skip(columns);
        }
        else
        {
            do
            {
                if (element is null) repeated.WriteContent(writer, columns);
                else element.WriteElement(writer, columns);
            }
            while (columns[repeated._firstLeaf].Repeats(repeated._repetition));
        }
        writer.WriteEndArray();
    }

    private void WriteElement(Utf8JsonWriter writer, ParquetColumn[] columns)
    {
        if (_occurs == FieldRepetitionType.REPEATED)
        {
            WriteElements(writer, columns, this);
        }
        else if (IsAbsent(columns))
        {
            Skip(columns);
            writer.WriteNullValue();
        }
        else
        {
            WriteContent(writer, columns);
        }
    }

    private static void WriteEntries(Utf8JsonWriter writer, ParquetColumn[] columns, ParquetNode entry)
    {
        writer.WriteStartObject();
        if (entry.IsAbsent(columns))
        {
            entry.Skip(columns);
        }
        else
        {
            do
            {
                columns[entry._firstLeaf].WriteName(writer);
                entry._children[1].WriteElement(writer, columns);
            }
            while (columns[entry._firstLeaf].Repeats(entry._repetition));
        }
        writer.WriteEndObject();
    }
}
