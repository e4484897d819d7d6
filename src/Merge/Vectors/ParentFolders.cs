using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>Model folders whose numbers mean the same, place by place, open for reading in pieces.</summary>
sealed class ParentFolders : IDisposable
{
    readonly StoredParameters[] _opened;

    /// <summary>Opens them and checks that they fit the first; no number is read.</summary>
    /// <exception cref="UserException">One is missing or damaged, or differs in its sizes.</exception>
    internal ParentFolders(IReadOnlyList<string> folders)
    {
        List<StoredParameters> opened = [];
        try
        {
            foreach (string folder in folders)
            {
                opened.Add(new StoredParameters(folder));
                if (SameShape.Problem(opened[0].Config, opened[^1].Config) is { } problem)
                    throw new UserException($"{Quoted.Path(folder)} does not fit "
                        + $"{Quoted.Path(folders[0])}: {problem}");
            }
        }
        catch
        {
            opened.ForEach(one => one.Dispose());
            throw;
        }
        _opened = [.. opened];
    }

    /// <summary>The parameters of the first.</summary>
    internal ParameterLayout Layout => _opened[0].Layout;

    /// <summary>Reads numbers of one folder; several threads may call it.</summary>
    /// <exception cref="UserException">One of them is NaN or infinite.</exception>
    internal void Read(int folder, ParameterSlice slice, long start, Span<float> to)
        => _opened[folder].Read(_opened[folder].Layout[slice.Name], start, to);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (StoredParameters one in _opened)
            one.Dispose();
    }
}
