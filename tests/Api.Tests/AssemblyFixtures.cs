using TrainingService.Tests;

[assembly: AssemblyFixture(typeof(PostgresServer))]
