using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Native;

/// <summary>
/// ATen operators that TorchSharp does not bind, reached through TorchScript: the source is constant and compiled once, a
/// call costs about 3 µs, and errors inside are ordinary exceptions.
/// </summary>
internal static class AtenOperators
{
    private const string Source = """
        def softmax_backward(gradient: Tensor, output: Tensor) -> Tensor:
            return torch._softmax_backward_data(gradient, output, -1, output.dtype)

        def gelu(x: Tensor, tanh: bool) -> Tensor:
            return torch.gelu(x, approximate="tanh" if tanh else "none")

        def gelu_backward(gradient: Tensor, x: Tensor, tanh: bool) -> Tensor:
            return torch.gelu_backward(gradient, x, approximate="tanh" if tanh else "none")

        def gated_silu_backward(gradient: Tensor, gate_and_up: Tensor) -> Tensor:
            gate, up = gate_and_up.chunk(2, 1)
            result = torch.empty_like(gate_and_up)
            gate_gradient, up_gradient = result.chunk(2, 1)
            torch.mul(gradient, torch.silu(gate), out=up_gradient)
            torch.silu_backward(gradient * up, gate, grad_input=gate_gradient)
            return result

        """;

    private static readonly Lazy<jit.CompilationUnit> s_unit = new(() =>
    {
        TorchRuntime.Initialize();
        return jit.compile(Source);
    });

    /// <summary>Gradient of a softmax over the last dimension, from its output and the gradient of that: output (…, n) → (…, n).</summary>
    public static Tensor SoftmaxBackward(Tensor gradient, Tensor output) =>
        (Tensor)s_unit.Value.invoke("softmax_backward", (object)gradient, output);

    /// <summary>GELU, elementwise; exact, or by its tanh approximation.</summary>
    public static Tensor Gelu(Tensor x, bool tanh) => (Tensor)s_unit.Value.invoke("gelu", (object)x, tanh);

    /// <summary>Gradient of GELU's input from that of its output.</summary>
    public static Tensor GeluBackward(Tensor gradient, Tensor x, bool tanh) =>
        (Tensor)s_unit.Value.invoke("gelu_backward", (object)gradient, x, tanh);

    /// <summary>Gradient of silu(gate) · up, written beside each other: gradient (tokens, width), gate and up (tokens, 2 · width) → (tokens, 2 · width).</summary>
    public static Tensor GatedSiluBackward(Tensor gradient, Tensor gateAndUp) =>
        (Tensor)s_unit.Value.invoke("gated_silu_backward", (object)gradient, gateAndUp);
}
