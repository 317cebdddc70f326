using TrainingService.Sdk.Tests;

[assembly: AssemblyFixture(typeof(RunningService))]
