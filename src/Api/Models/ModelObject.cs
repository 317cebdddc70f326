namespace TrainingService.Api.Models;

/// <summary>A model that jobs can start from.</summary>
/// <param name="Id">The model's id: its folder's path below the models folder, or a tuned model's name.</param>
/// <param name="Created">Moment from which the model is there, Unix seconds.</param>
/// <param name="OwnedBy">The organisation whose models these are.</param>
public sealed record ModelObject(string Id, long Created, string OwnedBy)
{
    /// <summary>Always <c>model</c>.</summary>
    /// <example>model</example>
    public string Object => "model";
}

/// <summary>The answer to a deletion.</summary>
/// <param name="Id">The model's id.</param>
/// <param name="Deleted">Always true: otherwise the answer is an error.</param>
public sealed record DeletedModelObject(string Id, bool Deleted)
{
    /// <summary>Always <c>model</c>.</summary>
    /// <example>model</example>
    public string Object => "model";
}
