using TrainingService.Tests;

[assembly: AssemblyFixture(typeof(PostgresServer))]
// Every test trains in processes of its own, and training takes every core.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
