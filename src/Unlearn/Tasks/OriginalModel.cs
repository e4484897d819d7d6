using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// A copy of a model's current state, for comparison during training, with a session that runs it.
/// </summary>
sealed class OriginalModel : IDisposable
{
    readonly LanguageModel _model;

    /// <param name="model">Model to copy.</param>
    /// <param name="options">Options of the session.</param>
    internal OriginalModel(LanguageModel model, SessionOptions options)
    {
        _model = new LanguageModel(model.Device, model.Config);
        try
        {
            for (int i = 0; i < model.Set.Blocks.Count; i++)
                model.Ops.Copy(model.Set.Blocks[i], _model.Set.Blocks[i]);
            Session = new ModelSession(_model, options);
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    /// <summary>The session that runs the copy.</summary>
    internal ModelSession Session { get; }

    public void Dispose()
    {
        Session.Dispose();
        _model.Dispose();
    }
}
