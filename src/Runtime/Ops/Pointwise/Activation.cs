namespace HeadTap.Runtime;

/// <summary>The nonlinearity of the feed-forward block.</summary>
public enum Activation
{
    /// <summary><c>x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))</c>: GPT-2's, <c>gelu_new</c>.</summary>
    GeluTanh,
    /// <summary><c>x/2 (1 + erf(x / sqrt 2))</c>, <c>gelu</c>.</summary>
    GeluExact,
    /// <summary><c>max(x, 0)</c>, <c>relu</c>.</summary>
    Relu,
}
