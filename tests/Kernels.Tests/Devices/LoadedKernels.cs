using System.Collections;
using System.Reflection;
using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>The kernels that an <see cref="Ops"/> has loaded, by the fields that hold their
/// launchers.</summary>
static class LoadedKernels
{
    const BindingFlags Own = BindingFlags.NonPublic | BindingFlags.Instance;

    /// <summary>Every place for a launcher, and whether a kernel was loaded there. A place in a table exists
    /// once it is loaded.</summary>
    public static IEnumerable<(string Place, bool Loaded)> Of(Ops ops)
    {
        foreach (FieldInfo field in typeof(Ops).GetFields(Own))
        {
            object? value = field.GetValue(ops);
            if (field.FieldType.IsAssignableTo(typeof(Delegate)))
                yield return (field.Name, value is not null);
            else if (value is Array launchers)
                for (int i = 0; i < launchers.Length; i++)
                    yield return ($"{field.Name}[{i}]", launchers.GetValue(i) is not null);
            else if (Table(value) is { } table)
                foreach (object? key in table.Keys)
                    yield return (field.Name + key, true);
        }
    }

    static IDictionary? Table(object? value) => value as IDictionary
        ?? value?.GetType().GetField("_loaded", Own)?.GetValue(value) as IDictionary;
}
