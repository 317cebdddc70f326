using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using TrainingService.Api.Errors;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Files;

/// <summary>Opens a multipart form that is read as a stream, section by section.</summary>
internal static class MultipartForm
{
    private const int LongestBoundary = 200;

    // Boundaries, part headers and small fields, beside the file itself.
    private const int FormOverhead = 1 << 20;

    /// <summary>A reader of the form, or why there is none; <paramref name="tooLarge"/> answers for a declared length that is hopeless.</summary>
    public static (MultipartReader? Reader, ApiError? Error) Open(HttpRequest request, long mostBytes, ApiError tooLarge)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            return (null, ApiError.UnsupportedMediaType(request.ContentType));
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).ToString();
        if (boundary.Length is 0 or > LongestBoundary)
            return (null, ApiError.BadRequest($"The Content-Type needs a boundary of 1 to {LongestBoundary} characters."));
        if (request.ContentLength > mostBytes + FormOverhead)
            return (null, tooLarge);
        request.HttpContext.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
        return (new(boundary, request.Body), null);
    }

    /// <summary>A section's place in the form; null when its header cannot be read.</summary>
    public static ContentDispositionHeaderValue? DispositionOf(MultipartSection section) =>
        ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition) ? disposition : null;

    public static ApiError NoDisposition => ApiError.BadRequest("A part of the form has no readable Content-Disposition header.");

    /// <summary>Whether an exception says that the client's form is broken, rather than the store or the connection.</summary>
    public static bool IsUnreadable(Exception e) => e is InvalidDataException || (e is IOException && e is not (FileStoreException or BadHttpRequestException));

    public static ApiError Unreadable(Exception e) => ApiError.BadRequest($"The multipart form cannot be read: {e.Message}");
}
