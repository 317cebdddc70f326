namespace TrainingService.Worker.Jobs;

/// <summary>The README.md beside an adapter, with the front matter that the Hugging Face Hub reads.</summary>
internal static class ModelCard
{
    public static string Of(string tunedModel, string baseModel, string recipe) => $"""
        ---
        base_model: {baseModel}
        library_name: peft
        tags:
        - dpo
        - lora
        ---
        # {tunedModel}

        A LoRA adapter of `{baseModel}`, trained by direct preference optimisation (https://arxiv.org/abs/2305.18290).

        ```python
        from peft import AutoPeftModelForCausalLM
        model = AutoPeftModelForCausalLM.from_pretrained("path/to/this/folder")
        ```

        The recipe:

        ```json
        {recipe}
        ```

        """;
}
