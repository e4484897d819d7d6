using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace HeadTap.Peers;

/// <summary>
/// A lens training step as a PyTorch user writes it who has batched the heads: the model's pass without
/// gradients, logits of all heads summed, log-softmax, KLDivLoss, backward, Adam.
/// </summary>
sealed class TorchLensStep : ILensStep
{
    // torch.optim.Adam(fused=True), which TorchSharp reaches only through TorchScript. Something of the list
    // is returned: else the compiler takes the call, whose result nobody uses, for dead code.
    const string FusedAdam = """
        def update(p: Tensor, g: Tensor, m: Tensor, v: Tensor, step: Tensor, lr: float):
            parameters = [p]
            torch._fused_adam_(parameters, [g], [m], [v], [], [step], lr=lr, beta1=0.9, beta2=0.999,
                weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False)
            return parameters[0]

        """;

    readonly Product _product;
    readonly TorchGpt2 _model;
    readonly TorchGpt2.Heads _captured;
    readonly Tensor _text; // [1, n]
    readonly Layer[] _layers;

    public TorchLensStep(LensSizes sizes, Product product, Update update)
    {
        set_num_threads(2);
        using (ComputeDevice device = ComputeDevice.Open("cpu"))
        using (LanguageModel model = sizes.NewModel(device))
            _model = new TorchGpt2(model);
        foreach (Tensor parameter in _model.Parameters)
            parameter.requires_grad_(false);
        _product = sizes.Kind == LensKind.Head ? product : Product.Linear;
        _captured = sizes.Kind == LensKind.Head ? TorchGpt2.Heads.Einsum : TorchGpt2.Heads.Values;
        _text = tensor([.. sizes.Text().Select(t => (long)t)]).reshape(1, sizes.Positions);
        jit.CompilationUnit? fused = update == Update.Fused ? jit.compile(FusedAdam) : null;
        _layers = [.. Enumerable.Range(0, sizes.Model.Layers).Select(l => NewLayer(sizes, l, fused))];
        Name = $"{_product.ToString().ToLowerInvariant()}, "
            + (update == Update.Optimizer ? "optim.Adam" : "fused Adam");
    }

    /// <summary>How logits of all heads are made and summed.</summary>
    public enum Product
    {
        /// <summary>Heads side by side, one product: [n, H C] by [V, H C] transposed.</summary>
        Linear,

        /// <summary>bmm of [H, n, C] by [H, C, V], then the sum over H.</summary>
        Batched,
    }

    /// <summary>Which Adam.</summary>
    public enum Update { Optimizer, Fused }

    public string Name { get; }

    public double Loss()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        (Tensor target, Tensor[] inputs) = Look();
        return _layers.Zip(inputs, (layer, x) => (double)Divergence(layer, x, target).item<float>()).Sum();
    }

    public void Step()
    {
        using var scope = NewDisposeScope();
        (Tensor target, Tensor[] inputs) = Look();
        foreach ((Layer layer, Tensor x) in _layers.Zip(inputs))
        {
            using var own = NewDisposeScope();
            Divergence(layer, x, target).backward();
            layer.Update();
        }
    }

    public void Dispose()
    {
        _text.Dispose();
        foreach (Layer layer in _layers)
            layer.Dispose();
    }

    // log-softmax [n, V] of the model's logits, and what each layer's lens maps.
    (Tensor Target, Tensor[] Inputs) Look()
    {
        using var noGradient = no_grad();
        List<Tensor> captured = [];
        Tensor logits = _model.Forward(_text, true, _captured, captured), target = logits[0].log_softmax(-1);
        return (target, [.. captured.Select(Input)]);
    }

    Tensor Input(Tensor captured)
    {
        if (_captured == TorchGpt2.Heads.Values)
            return captured;
        Tensor results = captured[0]; // [n, H, C]
        return _product == Product.Linear ? results.flatten(1) : results.transpose(0, 1).contiguous();
    }

    Tensor Divergence(Layer layer, Tensor x, Tensor target)
    {
        Tensor bias = layer.Bias.sum(dim: 0L);
        Tensor logits = _product == Product.Linear ? F.linear(x, layer.Weight, bias)
            : bmm(x, layer.Weight).sum(dim: 0L) + bias;
        // batchmean, which this binding's enumeration lacks, is PyTorch's own sum over the batch size.
        return F.kl_div(logits.log_softmax(-1), target, true, nn.Reduction.Sum) / target.shape[0];
    }

    // The unembedding behind every head and no bias, where the published lenses begin.
    Layer NewLayer(LensSizes sizes, int l, jit.CompilationUnit? fused)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        (int H, int C, int V) = (sizes.Model.Heads, sizes.Model.Width, sizes.Model.VocabSize);
        Tensor unembedding = _model["wte.weight"]; // [V, C]
        Tensor weight = sizes.Kind == LensKind.Thin
            ? unembedding.matmul(_model[$"h.{l}.attn.c_proj.weight"].t())
            : _product == Product.Linear ? unembedding.repeat(1, H)
            : unembedding.t().expand(H, C, V).contiguous();
        return new Layer(Parameter(weight), Parameter(zeros(H, V)), fused);
    }

    static Parameter Parameter(Tensor value)
    {
        var parameter = new Parameter(value, true);
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    // Each layer has its own optimiser, so that one layer's gradient is held at a time.
    sealed class Layer(Parameter weight, Parameter bias, jit.CompilationUnit? fused) : IDisposable
    {
        readonly optim.Optimizer? _adam =
            fused is null ? optim.Adam([weight, bias], lr: LensSizes.LearningRate) : null;
        readonly List<Tensor> _moments = [];
        readonly Tensor _step = zeros(1).DetachFromDisposeScope();

        public Parameter Weight => weight;

        public Parameter Bias => bias;

        public void Update()
        {
            using var noGradient = no_grad();
            if (fused is null)
                _adam!.step();
            else
                Fused(fused);
            // zero_grad(set_to_none=True), PyTorch's default: the next gradient is not added to this one.
            weight.grad = null;
            bias.grad = null;
        }

        public void Dispose()
        {
            _adam?.Dispose();
            foreach (Tensor tensor in (Tensor[])[weight, bias, _step, .. _moments])
                tensor.Dispose();
        }

        void Fused(jit.CompilationUnit fused)
        {
            if (_moments.Count == 0) // as torch.optim.Adam: at the first update
                foreach (Parameter p in (Parameter[])[weight, weight, bias, bias])
                    _moments.Add(zeros_like(p, requires_grad: false).DetachFromDisposeScope());
            _step.add_(1);
            Fused(fused, weight, _moments[0], _moments[1]);
            Fused(fused, bias, _moments[2], _moments[3]);
        }

        void Fused(jit.CompilationUnit fused, Parameter parameter, Tensor m, Tensor v)
        {
            using Tensor gradient = parameter.grad!;
            using var done = (Tensor)fused.invoke(
                "update", parameter, gradient, m, v, _step, (double)LensSizes.LearningRate);
        }
    }
}
