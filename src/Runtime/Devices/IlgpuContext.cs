using ILGPU;

namespace HeadTap.Runtime;

/// <summary>Starts ILGPU, which looks for libraries beside the current folder.</summary>
static class IlgpuContext
{
    /// <exception cref="UserException">The current folder was deleted or may not be read.</exception>
    internal static Context Create(Action<Context.Builder> build)
    {
        try
        {
            // Asked for first: a context that fails halfway ends the process later, in its finaliser.
            _ = Directory.GetCurrentDirectory();
            return Context.Create(build);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"ILGPU cannot start ({Quoted.Line(e.Message)}); expected a current "
                + "folder that is there", e);
        }
    }
}
