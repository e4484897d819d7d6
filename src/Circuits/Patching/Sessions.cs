using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Opens sessions of one model, all or none.</summary>
static class Sessions
{
    /// <exception cref="UserException">One does not fit the device; then none is left open.</exception>
    internal static ModelSession[] Open(LanguageModel model, params SessionOptions[] options)
    {
        var open = new List<ModelSession>();
        try
        {
            foreach (SessionOptions one in options)
                open.Add(new ModelSession(model, one));
            return [.. open];
        }
        catch
        {
            open.ForEach(session => session.Dispose());
            throw;
        }
    }
}
