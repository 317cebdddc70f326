namespace TrainingService.Api.Hosting;

/// <summary>Marks the API's assembly: a <c>Program</c> of every host would be ambiguous in tests.</summary>
public sealed class ApiHost
{
    private ApiHost() { }
}
