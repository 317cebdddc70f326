using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using TrainingService.Storage.Keys;

namespace TrainingService.Inference.Exports;

internal static class ExportEndpoints
{
    public static void MapExports(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/exports/merged/{**model}", ExportMerged);
        v1.MapGet("/exports/gguf/{**model}", ExportGguf);
    }

    private static async Task ExportMerged(HttpContext http, string model, Caller caller, ModelExporter exporter)
    {
        await using ExportedFiles files = await exporter.MergeAsync(model, caller, http.RequestAborted);
        http.Response.ContentType = "application/zip";
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"{files.Name}.zip\"";
        // Kestrel's own stream refuses the few synchronous writes by which a zip closes its entries.
        await files.WriteZipAsync(http.Response.BodyWriter.AsStream(leaveOpen: true), http.RequestAborted);
    }

    private static async Task ExportGguf(HttpContext http, string model, Caller caller, ModelExporter exporter)
    {
        await using ExportedFiles files = await exporter.ToGgufAsync(model, caller, http.RequestAborted);
        string path = Directory.EnumerateFiles(files.Folder).Single();
        http.Response.ContentType = "application/octet-stream";
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"{Path.GetFileName(path)}\"";
        await http.Response.SendFileAsync(path, http.RequestAborted);
    }
}
