using TorchSharp;
using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

public class CompletionHeadTests
{
    private const int Hidden = 5, Vocabulary = 11;

    [Theory]
    [InlineData(3, false)]
    [InlineData(3, true)]
    [InlineData(300, true)] // more than one chunk
    public void StatisticsAndDirection_AreTheirFormulas(int tokens, bool hasBias)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = PlainAutograd.Normal(1, Vocabulary, Hidden), hidden = PlainAutograd.Normal(2, tokens, Hidden).requires_grad_();
        Tensor? bias = hasBias ? PlainAutograd.Normal(3, Vocabulary) : null;
        Tensor targets = tensor([.. Enumerable.Range(0, tokens).Select(i => (long)(i * 7 % Vocabulary))]);
        Tensor logits = nn.functional.linear(hidden, weight, bias);
        Tensor logSoftmax = logits.log_softmax(1), expected = logSoftmax.gather(1, targets.unsqueeze(1)).squeeze(1);
        expected.sum().backward();

        using var _ = no_grad();
        using var head = new CompletionHead(new("lm_head", weight), bias);
        (TokenStatistics statistics, Tensor? direction) = head.Forward(hidden.detach(), targets, HeadOutputs.Metrics | HeadOutputs.LogSquareSum | HeadOutputs.Gradient, adapter: null);

        Tensor softmax = logSoftmax.exp();
        PlainAutograd.AssertNear(expected, statistics.LogProbs, "log-probabilities");
        PlainAutograd.AssertNear(hidden.grad!, direction!, "direction");
        PlainAutograd.AssertNear(-(softmax * logSoftmax).sum(1), statistics.Entropy!, "entropy");
        PlainAutograd.AssertNear(logits.mean([1]), statistics.MeanLogit!, "mean logit");
        PlainAutograd.AssertNear(logits.argmax(1).eq(targets).@float(), statistics.IsFirstChoice!, "first choice");
        PlainAutograd.AssertNear(softmax.square().sum(1).log(), statistics.LogSquareSum!, "log of the sum of squares");
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1.5)]
    public void TrainedCopy_TakesTheMatrixsPlace_AndGetsItsGradient(double? cap)
    {
        using DisposeScope scope = NewDisposeScope();
        const int Tokens = 300; // more than one chunk
        var matrix = new VocabularyMatrix("lm_head", PlainAutograd.Normal(1, Vocabulary, Hidden));
        using LoraAdapter adapter = VocabularyAdapter.Of(matrix, seed: 4);
        Tensor copied = adapter.Copies.Single().Weight.detach().clone().requires_grad_(), hidden = PlainAutograd.Normal(2, Tokens, Hidden).requires_grad_();
        Tensor targets = tensor([.. Enumerable.Range(0, Tokens).Select(i => (long)(i * 7 % Vocabulary))]), coefficients = PlainAutograd.Normal(3, Tokens);
        Tensor logits = nn.functional.linear(hidden, copied);
        if (cap is { } bound) logits = (logits / bound).tanh() * bound;
        (logits.log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1) * coefficients).sum().backward();

        using var _ = no_grad();
        using var head = new CompletionHead(matrix, null, cap);
        (TokenStatistics statistics, Tensor? direction) = head.Forward(hidden.detach(), targets, HeadOutputs.Metrics | HeadOutputs.Gradient, adapter);
        Tensor gradient = head.Backward(hidden.detach(), targets, direction!, coefficients, adapter);

        PlainAutograd.AssertNear(logits.mean([1]), statistics.MeanLogit!, "mean logit");
        PlainAutograd.AssertNear(hidden.grad!, gradient, "gradient of the hidden states");
        PlainAutograd.AssertNear(copied.grad!, adapter.Copies.Single().Gradient!, "gradient of the copy");
    }

    [Fact]
    public void WhatIsNotAskedFor_IsNotComputed()
    {
        using DisposeScope scope = NewDisposeScope();
        using var head = new CompletionHead(new("lm_head", PlainAutograd.Normal(1, Vocabulary, Hidden)), null);
        (TokenStatistics statistics, Tensor? direction) = head.Forward(ones(2, Hidden), tensor([1L, 2]), HeadOutputs.LogProbs, adapter: null);
        Assert.Null(direction);
        Assert.Null(statistics.Entropy);
        Assert.Null(statistics.MeanLogit);
        Assert.Null(statistics.IsFirstChoice);
        Assert.Null(statistics.LogSquareSum);
    }
}
