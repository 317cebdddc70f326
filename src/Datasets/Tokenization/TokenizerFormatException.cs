namespace TrainingService.Datasets.Tokenization;

/// <summary>A tokenizer's file cannot be read, or asks for something that is not understood.</summary>
public sealed class TokenizerFormatException : Exception
{
    /// <summary>Names the file, the component in it, and what is wrong with it.</summary>
    public TokenizerFormatException(string file, string component, string problem, Exception? innerException = null)
        : base($"{file}, {component}: {problem}", innerException)
    {
        File = file;
        Component = component;
    }

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>Where in the file, for example <c>pre_tokenizer.pretokenizers[1]</c>.</summary>
    public string Component { get; }
}
