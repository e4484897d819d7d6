using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A copy of a model as it is now, to hold a trained one against, and a session for it.</summary>
sealed class OriginalModel : IDisposable
{
    readonly Gpt2Model _model;

    /// <param name="model">Copied.</param>
    /// <param name="options">Of the session.</param>
    internal OriginalModel(Gpt2Model model, SessionOptions options)
    {
        _model = new Gpt2Model(model.Device, model.Config);
        try
        {
            for (int i = 0; i < model.Set.Blocks.Count; i++)
                model.Ops.Copy(model.Set.Blocks[i], _model.Set.Blocks[i]);
            Session = new Gpt2Session(_model, options);
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    /// <summary>Runs the copy.</summary>
    internal Gpt2Session Session { get; }

    public void Dispose()
    {
        Session.Dispose();
        _model.Dispose();
    }
}
