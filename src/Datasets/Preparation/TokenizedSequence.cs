namespace TrainingService.Datasets.Preparation;

/// <summary>A text of which some tokens are to be predicted. The first token is read but never predicted.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Ids">What the model reads.</param>
/// <param name="Trained">For each of them whether the loss counts its prediction; somewhere after the first it is true.</param>
public sealed record TokenizedSequence(long Row, int[] Ids, bool[] Trained) : TokenizedRow(Row);
