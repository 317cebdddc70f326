using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;

namespace TrainingService.Api.Paging;

/// <summary>Cursor paging: a page is asked for by the last id of the page before, so that new items never shift it.</summary>
internal static class Page
{
    /// <summary>What is wrong with the page that was asked for, or null.</summary>
    public static ApiError? Problem(int? limit, int most, string? order = null)
    {
        if (limit < 1 || limit > most)
            return ApiError.BadRequest($"limit is {limit}; it must be a whole number from 1 to {most}.", "limit");
        return order is null or "asc" or "desc" ? null : ApiError.BadRequest($"order is '{order}'; it must be asc or desc.", "order");
    }

    public static ApiError UnknownCursor(string after, string list) =>
        ApiError.BadRequest($"after is '{after}', which is not in the list of {list}. Pass last_id of the page before, or leave it out.", "after");

    /// <summary>The first <paramref name="size"/> rows, and whether there are more.</summary>
    public static async Task<(List<T> Rows, bool HasMore)> TakePageAsync<T>(this IQueryable<T> query, int size, CancellationToken cancellationToken)
    {
        List<T> rows = await query.Take(size + 1).ToListAsync(cancellationToken);
        bool hasMore = rows.Count > size;
        if (hasMore) rows.RemoveAt(size);
        return (rows, hasMore);
    }

    public static ListPage<TItem> ToPage<T, TItem>(this (List<T> Rows, bool HasMore) page, Func<T, string> id, Func<T, TItem> item) =>
        new([.. page.Rows.Select(item)], page.Rows is [var first, ..] ? id(first) : null, page.Rows is [.., var last] ? id(last) : null, page.HasMore);
}
