namespace TrainingService.Domain.Keys;

/// <summary>What a key may do. A role can do all that the ones after it can.</summary>
public enum KeyRole
{
    /// <summary>Sees everybody's files, jobs and models, manages keys, and opens the queue's dashboard.</summary>
    Admin,

    /// <summary>Uploads files, runs jobs and asks models: its owner's own.</summary>
    User,

    /// <summary>Reads what its owner has, and changes nothing.</summary>
    ReadOnly,
}
