namespace TrainingService.Api.Paging;

/// <summary>One page of a list.</summary>
/// <param name="Data">The page's items.</param>
/// <param name="FirstId">Id of the first item; null when the page is empty or its items have no ids.</param>
/// <param name="LastId">Id of the last item: pass it as <c>after</c> to get the next page.</param>
/// <param name="HasMore">Whether there is a next page.</param>
public sealed record ListPage<T>(IReadOnlyList<T> Data, string? FirstId, string? LastId, bool HasMore)
{
    /// <summary>Always <c>list</c>.</summary>
    /// <example>list</example>
    public string Object => "list";
}
