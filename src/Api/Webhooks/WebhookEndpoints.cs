using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Api.Paging;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Webhooks;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Webhooks;

internal static class WebhookEndpoints
{
    private const int MostItems = 100;
    private const int DefaultItems = 20;
    private const int LongestBody = 16384;

    public static void MapWebhooks(this IEndpointRouteBuilder v1)
    {
        RouteGroupBuilder webhooks = v1.MapGroup("/webhooks").WithTags("Webhooks");
        webhooks.MapPost("", CreateWebhook).AcceptsWebhook();
        webhooks.MapGet("", ListWebhooks);
        webhooks.MapGet("/{id}", GetWebhook);
        webhooks.MapPost("/{id}", ChangeWebhook).AcceptsWebhook();
        webhooks.MapDelete("/{id}", DeleteWebhook);
        webhooks.MapPost("/{id}/rotate", RotateWebhookSecret);
        webhooks.MapPost("/{id}/test", TestWebhook).MayBeRepeated();
        webhooks.MapGet("/{id}/deliveries", ListWebhookDeliveries);
    }

    private static void AcceptsWebhook(this RouteHandlerBuilder endpoint) => endpoint
        .Accepts<WebhookRequest>("application/json").WithMetadata(new RequestSizeLimitAttribute(LongestBody));

    /// <summary>Create a webhook</summary>
    /// <remarks>
    /// Its address is told by Standard Webhooks 1.0.0 when one of its owner's jobs ends: verify `webhook-signature` with the
    /// secret, which only this answer has, and answer 2xx. Other answers are tried again with growing delays for three days.
    /// </remarks>
    /// <response code="200">The webhook, with its secret.</response>
    /// <response code="400">url must begin with https:// and have at most 2048 characters.</response>
    /// <response code="409">There are 20 webhooks already; delete one first.</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<WebhookObject>, ApiError>> CreateWebhook(
        HttpRequest http, Caller caller, WebhookRules rules, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        (WebhookRequest? request, ApiError? error) = await JsonBody.ReadAsync<WebhookRequest>(http, cancellationToken);
        if (request is null) return error!;
        if (request.Url is null) return ApiError.BadRequest("url is missing; give the address that messages go to.", "url");
        if (rules.Problem(request) is { } problem) return problem;
        if (await db.WebhookEndpoints.CountAsync(e => e.OwnerId == caller.Owner, cancellationToken) >= rules.MaxEndpoints)
            return ApiError.Conflict($"There are {rules.MaxEndpoints} webhooks already; delete one first.");

        string secret = WebhookSecret.New();
        var endpoint = new WebhookEndpoint(Ids.WebhookEndpoint(), request.Url, secret, request.Events ?? WebhookEventType.All, caller.Owner, timeProvider.GetUtcNow().UtcDateTime);
        endpoint.Enable(request.Enabled ?? true);
        db.WebhookEndpoints.Add(endpoint);
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Ok(WebhookObject.Of(endpoint, secret));
    }

    /// <summary>List webhooks</summary>
    /// <param name="after">Id of the last webhook of the page before.</param>
    /// <param name="limit">Most webhooks of the page, 1 to 100; 20 by default.</param>
    /// <response code="200">One page of webhooks, newest first.</response>
    /// <response code="400">limit is 0; it must be a whole number from 1 to 100.</response>
    private static async Task<Results<Ok<ListPage<WebhookObject>>, ApiError>> ListWebhooks(
        string? after, int? limit, Caller caller, TrainingDbContext db, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, MostItems) is { } problem) return problem;
        IQueryable<WebhookEndpoint> endpoints = db.WebhookEndpoints.AsNoTracking().VisibleTo(caller);
        if (after is not null)
        {
            if (await endpoints.SingleOrDefaultAsync(e => e.Id == after, cancellationToken) is not { } last) return Page.UnknownCursor(after, "webhooks");
            endpoints = endpoints.Where(e => e.CreatedAt < last.CreatedAt || (e.CreatedAt == last.CreatedAt && e.Id.CompareTo(after) < 0));
        }
        endpoints = endpoints.OrderByDescending(e => e.CreatedAt).ThenByDescending(e => e.Id);
        return TypedResults.Ok((await endpoints.TakePageAsync(limit ?? DefaultItems, cancellationToken)).ToPage(e => e.Id, WebhookObject.Of));
    }

    /// <summary>Get a webhook</summary>
    /// <param name="id" example="whe_0c9Kq0jVJkRHzTfVJcJ0a3v1">The webhook's id.</param>
    /// <response code="200">The webhook, without its secret.</response>
    /// <response code="404">No such Webhook object: whe_abc</response>
    private static async Task<Results<Ok<WebhookObject>, ApiError>> GetWebhook(string id, Caller caller, TrainingDbContext db, CancellationToken cancellationToken) =>
        await FindAsync(id, caller, db, cancellationToken) is { } endpoint ? TypedResults.Ok(WebhookObject.Of(endpoint)) : NoSuchWebhook(id);

    /// <summary>Change a webhook</summary>
    /// <remarks>Only the fields given change. Messages of a disabled webhook wait until it is enabled again.</remarks>
    /// <param name="id" example="whe_0c9Kq0jVJkRHzTfVJcJ0a3v1">The webhook's id.</param>
    /// <response code="200">The webhook.</response>
    /// <response code="400">events has 'job.done'. Known are fine_tuning.job.succeeded, fine_tuning.job.failed, fine_tuning.job.cancelled.</response>
    /// <response code="404">No such Webhook object: whe_abc</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<WebhookObject>, ApiError>> ChangeWebhook(
        string id, HttpRequest http, Caller caller, WebhookRules rules, TrainingDbContext db, CancellationToken cancellationToken)
    {
        (WebhookRequest? request, ApiError? error) = await JsonBody.ReadAsync<WebhookRequest>(http, cancellationToken);
        if (request is null) return error!;
        if (await FindAsync(id, caller, db, cancellationToken) is not { } endpoint) return NoSuchWebhook(id);
        if (rules.Problem(request) is { } problem) return problem;
        if (request.Url is { } url) endpoint.MoveTo(url);
        if (request.Events is { } events) endpoint.Subscribe(events);
        if (request.Enabled is { } enabled) endpoint.Enable(enabled);
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Ok(WebhookObject.Of(endpoint));
    }

    /// <summary>Delete a webhook</summary>
    /// <remarks>Its messages and their log go with it.</remarks>
    /// <param name="id" example="whe_0c9Kq0jVJkRHzTfVJcJ0a3v1">The webhook's id.</param>
    /// <response code="200">The webhook is deleted.</response>
    /// <response code="404">No such Webhook object: whe_abc</response>
    private static async Task<Results<Ok<DeletedWebhookObject>, ApiError>> DeleteWebhook(string id, Caller caller, TrainingDbContext db, CancellationToken cancellationToken) =>
        await db.WebhookEndpoints.VisibleTo(caller).Where(e => e.Id == id).ExecuteDeleteAsync(cancellationToken) == 1
            ? TypedResults.Ok(new DeletedWebhookObject(id, true)) : NoSuchWebhook(id);

    /// <summary>Replace a webhook's secret</summary>
    /// <remarks>Every message from now on is signed with the new one, which only this answer has.</remarks>
    /// <param name="id" example="whe_0c9Kq0jVJkRHzTfVJcJ0a3v1">The webhook's id.</param>
    /// <response code="200">The webhook, with its new secret.</response>
    /// <response code="404">No such Webhook object: whe_abc</response>
    private static async Task<Results<Ok<WebhookObject>, ApiError>> RotateWebhookSecret(string id, Caller caller, TrainingDbContext db, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, caller, db, cancellationToken) is not { } endpoint) return NoSuchWebhook(id);
        string secret = WebhookSecret.New();
        endpoint.Rotate(secret);
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Ok(WebhookObject.Of(endpoint, secret));
    }

    /// <summary>Send a test message</summary>
    /// <remarks>A message of the type `webhook.test`, sent within moments; its delivery tells how it went.</remarks>
    /// <param name="id" example="whe_0c9Kq0jVJkRHzTfVJcJ0a3v1">The webhook's id.</param>
    /// <response code="200">The delivery, which waits for its first attempt.</response>
    /// <response code="404">No such Webhook object: whe_abc</response>
    /// <response code="409">Webhook whe_abc is disabled; enable it first.</response>
    private static async Task<Results<Ok<WebhookDeliveryObject>, ApiError>> TestWebhook(
        string id, Caller caller, RepeatableWork work, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, caller, db, cancellationToken) is not { } endpoint) return NoSuchWebhook(id);
        string eventId = Ids.WebhookEvent(await work.SeedAsync());
        if (work.MayBeDone && await db.WebhookDeliveries.AsNoTracking().SingleOrDefaultAsync(d => d.EventId == eventId, cancellationToken) is { } done)
            return TypedResults.Ok(WebhookDeliveryObject.Of(done));
        if (!endpoint.Enabled) return ApiError.Conflict($"Webhook {id} is disabled; enable it first.", "id");
        WebhookDelivery delivery = WebhookWrites.Message(id, eventId, WebhookEventType.Test, id, timeProvider.GetUtcNow().UtcDateTime);
        db.WebhookDeliveries.Add(delivery);
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Ok(WebhookDeliveryObject.Of(delivery));
    }

    /// <summary>List a webhook's deliveries</summary>
    /// <param name="id" example="whe_0c9Kq0jVJkRHzTfVJcJ0a3v1">The webhook's id.</param>
    /// <param name="after">Id of the last delivery of the page before.</param>
    /// <param name="limit">Most deliveries of the page, 1 to 100; 20 by default.</param>
    /// <response code="200">One page of deliveries, newest first.</response>
    /// <response code="400">limit is 0; it must be a whole number from 1 to 100.</response>
    /// <response code="404">No such Webhook object: whe_abc</response>
    private static async Task<Results<Ok<ListPage<WebhookDeliveryObject>>, ApiError>> ListWebhookDeliveries(
        string id, string? after, int? limit, Caller caller, TrainingDbContext db, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, MostItems) is { } problem) return problem;
        if (await FindAsync(id, caller, db, cancellationToken) is null) return NoSuchWebhook(id);
        IQueryable<WebhookDelivery> deliveries = db.WebhookDeliveries.AsNoTracking().Where(d => d.EndpointId == id);
        if (after is not null)
        {
            if (await deliveries.SingleOrDefaultAsync(d => d.Id == after, cancellationToken) is not { } last) return Page.UnknownCursor(after, "deliveries");
            deliveries = deliveries.Where(d => d.CreatedAt < last.CreatedAt || (d.CreatedAt == last.CreatedAt && d.Id.CompareTo(after) < 0));
        }
        deliveries = deliveries.OrderByDescending(d => d.CreatedAt).ThenByDescending(d => d.Id);
        return TypedResults.Ok((await deliveries.TakePageAsync(limit ?? DefaultItems, cancellationToken)).ToPage(d => d.Id, WebhookDeliveryObject.Of));
    }

    private static Task<WebhookEndpoint?> FindAsync(string id, Caller caller, TrainingDbContext db, CancellationToken cancellationToken) =>
        db.WebhookEndpoints.VisibleTo(caller).SingleOrDefaultAsync(e => e.Id == id, cancellationToken);

    private static ApiError NoSuchWebhook(string id) => ApiError.NoSuch("Webhook", id);
}
