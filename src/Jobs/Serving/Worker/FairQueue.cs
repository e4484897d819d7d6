namespace HeadTap.Jobs;

/// <summary>
/// What waits for a model, and who comes next: the lowest priority number first, and among those the tenant
/// that was served least, each counted in tokens times layers (Sheng et al. 2024, "Fairness in Serving Large
/// Language Models", algorithm 1: virtual token counter). A tenant's own work keeps its order.
/// </summary>
/// <remarks>A tenant that comes back starts no lower than the least counter of those that wait or run, so
/// nobody saves up. Not safe to share between threads.</remarks>
sealed class FairQueue<T>
{
    readonly LinkedList<(T Work, WorkTicket Ticket)> _waiting = new();
    readonly Dictionary<string, double> _served = new(StringComparer.Ordinal);

    internal int Count => _waiting.Count;

    internal IEnumerable<(T Work, WorkTicket Ticket)> Waiting => _waiting;

    /// <summary>Adds work at the end of its tenant's.</summary>
    /// <param name="work">The work.</param>
    /// <param name="ticket">Whose it is.</param>
    /// <param name="active">Tenants whose work runs.</param>
    internal void Add(T work, WorkTicket ticket, IEnumerable<string> active)
    {
        string[] present = [.. _waiting.Select(w => w.Ticket.Tenant).Concat(active).Distinct()];
        if (!present.Contains(ticket.Tenant))
        {
            double least = present.Length == 0 ? 0 : present.Min(Served);
            _served[ticket.Tenant] = Math.Max(Served(ticket.Tenant), least);
        }
        _waiting.AddLast((work, ticket));
    }

    /// <summary>Takes the next work that fits; false if none does.</summary>
    internal bool TryTake(Func<T, bool> fits, out T work, out WorkTicket ticket)
    {
        var next = Ordered().FirstOrDefault(n => fits(n.Value.Work));
        if (next is null)
        {
            (work, ticket) = (default!, null!);
            return false;
        }
        (work, ticket) = next.Value;
        _waiting.Remove(next);
        return true;
    }

    /// <summary>Takes out all work that a rule names.</summary>
    internal List<(T Work, WorkTicket Ticket)> Remove(Func<T, WorkTicket, bool> rule)
    {
        var removed = new List<(T, WorkTicket)>();
        for (var node = _waiting.First; node is not null;)
        {
            var after = node.Next;
            if (rule(node.Value.Work, node.Value.Ticket))
            {
                removed.Add(node.Value);
                _waiting.Remove(node);
            }
            node = after;
        }
        return removed;
    }

    /// <summary>Counts what was done for a tenant.</summary>
    internal void Charge(WorkTicket ticket, double tokenLayers)
        => _served[ticket.Tenant] = Served(ticket.Tenant) + tokenLayers / ticket.Weight;

    /// <summary>How many other requests come before one if nothing else arrives; null if no part of it
    /// waits.</summary>
    internal int? Before(object request)
    {
        var before = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (var node in Ordered())
            if (ReferenceEquals(node.Value.Ticket.Request, request))
                return before.Count;
            else
                before.Add(node.Value.Ticket.Request ?? node);
        return null;
    }

    double Served(string tenant) => _served.GetValueOrDefault(tenant);

    // The order in which work would be taken now. A stable sort keeps each tenant's own order.
    IEnumerable<LinkedListNode<(T Work, WorkTicket Ticket)>> Ordered()
        => Nodes().OrderBy(n => n.Value.Ticket.Priority).ThenBy(n => Served(n.Value.Ticket.Tenant))
            .ThenBy(n => n.Value.Ticket.Tenant, StringComparer.Ordinal);

    IEnumerable<LinkedListNode<(T Work, WorkTicket Ticket)>> Nodes()
    {
        for (var node = _waiting.First; node is not null; node = node.Next)
            yield return node;
    }
}
