using TrainingService.Tests;

[assembly: AssemblyFixture(typeof(PostgresServer))]

// Each training takes every core; two at once take far more than twice as long.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
